"""Lets rackd start it as a module where there is no unit for it."""

from evenrack.rack.listen.main import main

if __name__ == "__main__":
    main()
