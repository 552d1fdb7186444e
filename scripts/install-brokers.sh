#!/usr/bin/env bash
# Installs what `npm run test:interop` runs on, on Debian or Ubuntu: packages (as root, or with sudo), and below
# node_modules/.cache the brokers that Maven has, and paho-mqtt. No service is started.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$PWD/node_modules/.cache/interop
packages=(
  mosquitto mosquitto-clients nats-server rabbitmq-server
  default-jdk-headless maven python3-venv openssl
)

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>&1) != installed ]]; then echo "$package"; fi
  done
}

# An artifact of Maven's and all that it needs, as jars in one folder that is named after its version.
fetch_jars() {
  local name=$1 group=$2 artifact=$3 version=$4 work
  if [[ -e $cache/$name-$version ]]; then return; fi
  work=$(mktemp -d)
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>interop</groupId>
  <artifactId>$name</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>$group</groupId>
      <artifactId>$artifact</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$work/jars"
  rm -rf "$cache/$name"-*
  mv "$work/jars" "$cache/$name-$version"
  rm -rf "$work"
}

install_paho() {
  local version=$1 python=$cache/python
  if "$python/bin/python" -c "from paho.mqtt import __version__ as v; assert v == '$version'" 2>/dev/null; then return; fi
  /usr/bin/python3 -m venv --clear "$python"
  "$python/bin/pip" install -q --disable-pip-version-check "paho-mqtt==$version"
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} > 0)); then bash scripts/install-packages.sh "${missing[@]}"; fi
mkdir -p "$cache"
fetch_jars artemis org.apache.activemq artemis-mqtt-protocol 2.55.0
fetch_jars hivemq com.hivemq hivemq-community-edition-embedded 2025.5
install_paho 2.1.0
