"""The optimum backend: optimum-benchmark carries out the whole job, and our meters read the same run from outside."""
