"""The API alone, which is all there is of the console."""

from services.console.entrypoints.service import main

if __name__ == "__main__":
    main()
