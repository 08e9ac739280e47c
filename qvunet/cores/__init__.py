"""What stands between angles and expectations: circuits, or a control in their place."""
