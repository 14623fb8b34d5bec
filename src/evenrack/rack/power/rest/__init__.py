"""Redfish (DMTF DSP0266): what a BMC's service says, and the conversation with it."""
