"""python -m labeler.cli"""

from labeler.cli.base import main

if __name__ == "__main__":
    main()
