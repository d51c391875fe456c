"""What production runs with."""

SETTINGS = {
    "debug": False,
    "session_cookie_secure": True,
    "session_minutes": 30,
}
