#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Makes a Debian package of a built program, for this machine's architecture and release:
#   packaging/debian/build.sh target/release/djankiserv [FOLDER]
# Prints the package's path. Needs dpkg-dev and binutils.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
binary=$(realpath "$1")
out=$(realpath "${2:-$PWD}")
version=$("$binary" --version | awk '{ print $2 }')
# A pre-release sorts before its release.
version=${version/-/\~}-1
maintainer='the djankiserv authors <djankiserv@users.noreply.github.com>'
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/djankiserv
umask 022

install -D -m 755 "$binary" "$root/usr/bin/djankiserv"
strip --strip-unneeded "$root/usr/bin/djankiserv"
install -D -m 755 "$here/djankiserv-ctl" "$root/usr/sbin/djankiserv-ctl"
install -D -m 644 "$top/packaging/systemd/djankiserv.service" "$root/usr/lib/systemd/system/djankiserv.service"
install -D -m 600 "$here/djankiserv.env" "$root/etc/djankiserv/djankiserv.env"
install -d "$root/usr/share/man/man1" "$root/usr/share/man/man8" "$doc/examples"
"$top/packaging/man.py" "$binary" | gzip -9n >"$root/usr/share/man/man1/djankiserv.1.gz"
gzip -9n <"$here/djankiserv-ctl.8" >"$root/usr/share/man/man8/djankiserv-ctl.8.gz"
install -m 644 "$here/copyright" "$doc/copyright"
gzip -9n <"$top/LICENSE" >"$doc/AGPL-3.gz"
gzip -9n <"$top/docs/configuration.md" >"$doc/configuration.md.gz"
gzip -9n <"$top/CHANGELOG.md" >"$doc/changelog.gz"
# Debian's own form, for the package itself. The date is that of the last commit, so that the same source makes the same package.
date=$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || date +%s)}")
printf 'djankiserv (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' "$version" "$maintainer" "$date" |
    gzip -9n >"$doc/changelog.Debian.gz"
install -D -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/djankiserv"
cp "$top"/packaging/proxies/* "$doc/examples/"
chmod 644 "$doc/examples"/*

# What it is linked against, asked in the way of Debian's own packages.
mkdir "$work/debian"
printf 'Source: djankiserv\n\nPackage: djankiserv\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/djankiserv" 2>/dev/null | sed 's/^shlibs:Depends=//')

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<EOF
Package: djankiserv
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $libraries, adduser, init-system-helpers (>= 1.52)
Recommends: postgresql (>= 13)
Section: net
Priority: optional
Homepage: https://github.com/ankicommunity/djankiserv
Description: sync server for Anki
 Keeps the cards, reviews and media of Anki users in a database, and syncs
 them with their devices: desktop, Android and iOS.
 .
 Without any configuration it runs a private PostgreSQL of its own, for which
 the package postgresql is needed. A PostgreSQL, MariaDB or MySQL server can be
 used instead.
EOF
echo /etc/djankiserv/djankiserv.env >"$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
(cd "$root" && find . -type f -not -path './DEBIAN/*' -not -path './etc/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)

package=$out/djankiserv_${version}_$arch.deb
dpkg-deb --build --root-owner-group "$root" "$package" >/dev/null
echo "$package"
