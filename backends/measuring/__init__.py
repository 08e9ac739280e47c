"""What every measurement needs, whoever makes it: fresh random numbers (`noise_stream`), counts (`tally`)."""
