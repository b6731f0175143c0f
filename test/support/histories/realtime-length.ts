/** How many clients, topics and losses a test of topics has: few in `npm test`, many in `npm run test:long`. */
export const realtimeLength = {
  clients: Number(process.env['RIVULET_REALTIME_CLIENTS'] ?? 12),
  topics: Number(process.env['RIVULET_REALTIME_TOPICS'] ?? 4),
  kills: Number(process.env['RIVULET_REALTIME_KILLS'] ?? 6),
  /** Messages a second while processes are killed. */
  perSecond: Number(process.env['RIVULET_REALTIME_PER_SECOND'] ?? 50),
  areProcessesKilled: process.env['RIVULET_REALTIME_PROCESSES'] === 'true',
  pauseMs: Number(process.env['RIVULET_REALTIME_PAUSE_MS'] ?? 3),
};
