// Loaded into a program that does not know the contract of run-child.mjs: it ends when the script that runs it does.
if (process.env.RIVULET_PARENT_CHANNEL === 'ipc' && process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
