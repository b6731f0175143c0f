// Loaded into a program that knows nothing of run-child.mjs: it ends when the script that runs it does.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // A worker of Jest's loads this too; its channel is to Jest, and all that it has to wait for.
  if (process.env.JEST_WORKER_ID === undefined) process.channel.unref();
}
