"""Planning in 8 bits, on CPUs: the world model's products, and the kernel that computes them."""
