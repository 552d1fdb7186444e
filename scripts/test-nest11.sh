#!/usr/bin/env bash
# Type-checks and tests a copy of the working tree against Nest 11; arguments go to jest.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

git ls-files -z --cached --others --exclude-standard -- . ':!node_modules' |
  while IFS= read -r -d '' file; do
    if [[ -e $file ]]; then printf '%s\0' "$file"; fi
  done |
  tar -c --null -T - | tar -x -C "$copy"
cd "$copy"

quiet=(--prefer-offline --no-audit --no-fund --loglevel error)
npm ci "${quiet[@]}"
npm install --no-save "${quiet[@]}" \
  @nestjs/{common,core,microservices,platform-express,terminus,testing}@11
echo "Nest $(node -p "require('@nestjs/microservices/package.json').version")"

npm run -s types
npm run -s test -- "$@"
