"""Files, arguments, random numbers, devices and process state: what every other module needs."""
