"""One requests.get, as a script that a shell loop would call: `one.py URL [CA]`."""

import sys

import requests

verify = sys.argv[2] if len(sys.argv) > 2 else True
response = requests.get(sys.argv[1], verify=verify, timeout=60)
print(response.status_code, len(response.content), response.url, sep="\t")
