/**
 * The parent of the server, in a session of its own, so that Ctrl-C in a terminal does not reach PostgreSQL before
 * the app has let go of it. Its stdin is a pipe from the owner. However the owner ends, the kernel closes the pipe,
 * and the guard shuts the server down: fast, and after five seconds at once. Its arguments are the server's command
 * line, its exit code is the server's.
 *
 * Two processes, because POSIX has no wait for "a child or a pipe": one waits for the server, the other for the pipe.
 * If the first is killed, the owner sees that and closes the pipe. Then only the second is left, which is enough.
 *
 * Rejected: `setpriv --pdeathsig`, which is not on every machine and kills when the starting *thread* ends;
 * a watchdog in Node, which costs 40 MB and 50 ms.
 */
export const SERVER_GUARD = `
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
  while read -r line <&3; do :; done
  trap 'kill "$nap"; wait; exit' TERM
  sleep 1 & nap=$!
  kill -INT "$server"
  for second in 2 3 4 5 6; do
    wait "$nap"
    kill -0 "$server" || exit
    sleep 1 & nap=$!
  done
  kill -QUIT "$server"
) >/dev/null 2>&1 &
watcher=$!
trap 'kill -INT "$server" 2>/dev/null' TERM INT HUP
wait "$server"
code=$?
while kill -0 "$server" 2>/dev/null; do
  wait "$server"
  code=$?
done
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$code"
`;
