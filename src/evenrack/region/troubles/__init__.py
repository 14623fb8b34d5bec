"""What is wrong in the fleet, each as one problem: pure."""
