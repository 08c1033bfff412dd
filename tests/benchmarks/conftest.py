import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'
# Its scripts find each other so.
sys.path.insert(0, str(BENCHMARKS))
