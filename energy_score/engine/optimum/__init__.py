"""The optimum backend: optimum-benchmark does the whole job, and our meters measure it from outside."""
