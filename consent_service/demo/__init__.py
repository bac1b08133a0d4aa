"""The demo: made-up families on a real service, with a stand-in for MitID. Never production.

The stand-in is a development package of the repository; the installed wheel and the image do not
contain it, so the demo cannot be switched on there.
"""
