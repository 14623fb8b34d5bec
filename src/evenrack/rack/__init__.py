"""The rack daemon: connected to every region process, carries out its plan, never decides."""
