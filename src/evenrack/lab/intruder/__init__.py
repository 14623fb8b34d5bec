"""Who tries what nobody may: strangers at the regions' doors, a flood, and a tap on the wires."""
