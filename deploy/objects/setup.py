"""Gives Garage the key and the bucket of the media service, through its admin interface; changes nothing the second time."""

import json
import pathlib
import sys
import urllib.error
import urllib.request

BUCKET = "magnitude"
SECONDS = 10


def secret(name):
    return pathlib.Path("/run/secrets", name).read_text(encoding="ascii").strip()


def ask(path, body=None, missing=None):
    """The answer, or None if that is one of the statuses that mean that there is none."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {secret('admin')}", "content-type": "application/json"}
    request = urllib.request.Request(f"{sys.argv[1]}/v2/{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if missing and error.code in missing:
            return None
        sys.exit(f"garage: {path.partition('?')[0]}: {error.code} {error.read(500).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"garage: {sys.argv[1]} does not answer: {error}")


def main():
    key = secret("key")
    if ask(f"GetKeyInfo?id={key}", missing=(400, 403, 404)) is None:
        ask("ImportKey", {"accessKeyId": key, "secretAccessKey": secret("secret"), "name": "media"})
    bucket = ask(f"GetBucketInfo?globalAlias={BUCKET}", missing=(400, 404)) or ask("CreateBucket", {"globalAlias": BUCKET})
    ask("AllowBucketKey", {"bucketId": bucket["id"], "accessKeyId": key, "permissions": {"read": True, "write": True, "owner": False}})
    print(f"The bucket {BUCKET} is there.")


main()
