"""What benchmarks/performance.py measures, and the page it writes."""
