// Loaded into a program that does not know the contract of run-child.mjs: it ends when the script that runs it does.
if (process.env.RIVULET_PARENT_CHANNEL === 'ipc' && process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // A worker of Jest's inherits all this; its channel is to Jest, and all that it has to wait for.
  if (process.env.JEST_WORKER_ID === undefined) process.channel.unref();
}
