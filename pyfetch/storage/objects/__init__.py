"""Bodies as objects of a bucket: S3 and what speaks its protocol, Google Cloud Storage, Azure.

Loaded only where a run saves to a bucket, or reads a list from one. `obstore_client` alone imports
`obstore`.
"""
