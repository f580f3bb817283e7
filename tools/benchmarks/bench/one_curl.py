"""One GET by pycurl, as a script that a shell loop would call: `one_curl.py URL [CA]`."""

import sys

import pycurl

body = bytearray()
easy = pycurl.Curl()
easy.setopt(pycurl.URL, sys.argv[1])
easy.setopt(pycurl.WRITEFUNCTION, body.extend)
if len(sys.argv) > 2:
    easy.setopt(pycurl.CAINFO, sys.argv[2])
easy.perform()
print(easy.getinfo(pycurl.RESPONSE_CODE), len(body), sys.argv[1], sep="\t")
