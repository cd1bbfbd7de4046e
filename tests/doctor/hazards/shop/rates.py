"""What an async view calls, one module further."""

import json
from urllib.request import urlopen


def fetch():
    return json.load(urlopen("https://rates.example.com/"))
