#!/bin/bash
# Well is a primary, or a replica that streams: what Patroni says at its REST interface.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/8008
printf 'GET /readiness HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
