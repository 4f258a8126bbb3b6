"""What a yearly volume of queries means for climate, water and resources: estimates, with every factor named."""
