"""Estimators of any vendor: found, given as objects or by factories (`finding`), and asked (`estimator`)."""
