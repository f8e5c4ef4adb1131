/**
 * What runs between this process and bubblewrap, as bash: puts itself under the limits, closes every descriptor that was inherited by mistake, and,
 * as root, takes a mount namespace of its own. There it stages what the sandbox's user could not reach by path, and gives up being root. All
 * mounts end with the namespace, so nothing is left behind however the sandbox ends.
 */
export const launchScript = `set -eu
IFS=$'\\n'
for file in $MAYFLY_GROUPS; do echo $$ > "$file"; done
for path in /proc/$$/fd/*; do
  fd=\${path##*/}
  case $fd in 0|1|2|3|4|5|6) ;; *) eval "exec $fd<&-" ;; esac
done
if [ -n "\${MAYFLY_STAGE:-}" ]; then
  mount -t tmpfs -o mode=755,size=1m,nosuid mayfly "$MAYFLY_STAGE"
  cd "$MAYFLY_STAGE"
  mkdir files agent etc
  : > node
  if [ -n "$MAYFLY_OWN_NULL" ]; then mknod -m 666 null c 1 3; fi
  if [ -n "$MAYFLY_IMAGE" ]; then
    mount -o loop,nosuid,nodev,discard "$MAYFLY_IMAGE" files
  else
    mount --bind "$MAYFLY_FILES" files
  fi
  mkdir -p files/workspace files/home
  # A copy of another sandbox's files belongs to that one's user. The folder that is done last tells whether all is done.
  if [ "$(stat -c %u files/home)" != "$MAYFLY_USER" ]; then chown -hR "$MAYFLY_USER:$MAYFLY_USER" files/workspace files/home; fi
  mount --bind "$MAYFLY_ETC" etc
  mount --bind "$MAYFLY_AGENT" agent
  mount --bind "$MAYFLY_NODE" node
  cd /
  exec setpriv --reuid "$MAYFLY_USER" --regid "$MAYFLY_USER" --clear-groups --inh-caps=-all --no-new-privs env -i PATH=/usr/bin:/bin "$MAYFLY_BWRAP" --args 3 -- "$@"
fi
cd /
exec env -i PATH=/usr/bin:/bin "$MAYFLY_BWRAP" --args 3 -- "$@"`
