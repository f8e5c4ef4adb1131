/**
 * What runs between this process and bubblewrap, as bash: puts itself under the limits, closes every descriptor that was inherited by mistake, and,
 * as root, mounts in a mount namespace of its own what the sandbox's user could not reach by path, and gives up being root. All mounts end with the
 * namespace, so nothing is left behind however the sandbox ends. Each program that it starts takes a millisecond of every start, so they are few.
 */
export const launchScript = `set -eu
IFS=$'\\n'
for file in $MAYFLY_GROUPS; do echo $$ > "$file"; done
for path in /proc/$$/fd/*; do
  fd=\${path##*/}
  case $fd in 0|1|2|3|4|5) ;; *) eval "exec $fd<&-" ;; esac
done
if [ -n "\${MAYFLY_STAGE:-}" ]; then
  mount --all --fstab "$MAYFLY_MOUNTS"
  cd "$MAYFLY_STAGE"
  if [ -n "$MAYFLY_OWN_NULL" ]; then mknod -m 666 own/null c 1 3; fi
  # Whose the files are is kept beside them, where no sandbox sees it. A copy of another sandbox's belongs to that one's user until all is handed over.
  owner=
  if [ -e files/.owner ]; then read -r owner < files/.owner; fi
  if [ "$owner" != "$MAYFLY_USER" ]; then
    if [ -d files/home ]; then chown -hR "$MAYFLY_USER:$MAYFLY_USER" files/workspace files/home
    else install -d -o "$MAYFLY_USER" -g "$MAYFLY_USER" files/workspace files/home; fi
    echo "$MAYFLY_USER" > files/.owner
  fi
  cd /
  exec -c setpriv --reuid "$MAYFLY_USER" --regid "$MAYFLY_USER" --clear-groups --inh-caps=-all --no-new-privs "$MAYFLY_BWRAP" --args 3 -- "$@"
fi
cd /
exec -c "$MAYFLY_BWRAP" --args 3 -- "$@"`
