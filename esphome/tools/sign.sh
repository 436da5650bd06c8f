#!/usr/bin/env bash
# Signs every update image of a folder in place: sign.sh KEY.pem IMAGES [BACKUP-KEY.pem]
# Run it where the key is: not in the build, not in CI.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,3p' "$0" >&2; exit 2; }
key=$1 images=$2 backup=${3:-}

for image in "$images"/*.ota.bin; do
    signed=$(mktemp)
    espsecure sign-data --version 2 --keyfile "$key" --output "$signed" "$image"
    [ -z "$backup" ] || espsecure sign-data --version 2 --keyfile "$backup" --append-signatures --output "$signed" "$signed"
    espsecure verify-signature --version 2 --keyfile "$key" "$signed" >/dev/null
    mv "$signed" "$image"
    echo "signed $(basename "$image")"
done
