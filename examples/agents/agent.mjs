// A small agent: registers with central over TCP, sends heartbeats, and connects again when the connection ends. With
// RIVULET_AGENT_DATABASE=file.sqlite it sends the rows of jobs, from any table of that file.
//   RIVULET_AGENT_TOKEN=rvt_… node agent.mjs [host] [port] [name]
// The token comes from POST /agent/register, for a registration token. With RIVULET_AGENT_TLS=true the connection is TLS.
import { connect } from 'node:net';
import { freemem, loadavg, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { partsOf } from './sqlite-rows.mjs';

const [host = 'localhost', port = '4470', name = 'tenant-1'] = process.argv.slice(2);
const token = process.env.RIVULET_AGENT_TOKEN;
const connectTo = process.env.RIVULET_AGENT_TLS === 'true' ? connectTls : connect;
let nextId = 0;
/** Messages with rows: one is under way at a time, and is sent again until it is acknowledged. */
let unsent = [];

const say = (text) => process.stdout.write(`${text}\n`);

function message(type, data, id) {
  const timestamp = new Date().toISOString();
  const envelope = { type, ...(id && { id }), agent_name: name, status: 'online', timestamp, data };
  return `${JSON.stringify(envelope)}\n`;
}

const figures = () => ({
  cpu_usage: Math.round(loadavg()[0] * 1000) / 10,
  memory_usage: Math.round((1 - freemem() / totalmem()) * 1000) / 10,
});

/** Sends the first rows of a job, or says why not. */
function begin(socket, id, data) {
  try {
    unsent = partsOf(id, data).map((part) => message('DATA', part, `${id}-${part.part}`));
    socket.write(unsent[0]);
  } catch ({ message: reason }) {
    socket.write(message('ERROR', { of: 'JOB', id, code: 'COLLECTION_QUERY_FAILED', message: reason }));
  }
}

/** One connection. Resolves when it has ended, with the seconds that central asks to wait. */
function session() {
  return new Promise((resolve) => {
    const socket = connectTo({ host, port: Number(port) });
    let rest = '';
    let beat;
    let heardAt = performance.now();
    let retryAfter = 0;
    const watch = (seconds) => {
      beat = setInterval(() => {
        // A central that is gone without a word acknowledges no heartbeat.
        if (performance.now() - heardAt > 3 * seconds * 1000) socket.destroy();
        else socket.write(message('HEARTBEAT', figures(), `beat-${++nextId}`));
      }, seconds * 1000);
    };
    socket.setEncoding('utf8');
    socket.on(connectTo === connect ? 'connect' : 'secureConnect', () =>
      socket.write(message('REGISTER', { version: '1.0.0', os: process.platform, token })),
    );
    socket.on('data', (text) => {
      heardAt = performance.now();
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const { type, data, id } = JSON.parse(line);
        const { of, retry_after_seconds: seconds = 0 } = data;
        // Rows that central does not take, and will not, end the job.
        if (of === 'DATA' && seconds === 0) unsent = type === 'ACK' ? unsent.slice(1) : [];
        if (of === 'DATA') setTimeout(() => unsent[0] && socket.write(unsent[0]), seconds * 1000);
        if (type === 'ACK' && of === 'REGISTER') {
          say(`registered, a heartbeat every ${data.heartbeat_seconds} s`);
          watch(data.heartbeat_seconds);
          if (unsent[0]) socket.write(unsent[0]);
        } else if (type === 'ACK') say(`acknowledged ${of}`);
        else if (type === 'ERROR') {
          say(`error ${data.code}: ${data.message}`);
          retryAfter = seconds;
        } else say(`received ${type}`);
        if (type === 'JOB') begin(socket, id, data);
      }
    });
    socket.on('error', (error) => say(`no connection: ${error.message}`));
    socket.on('close', () => {
      clearInterval(beat);
      resolve(retryAfter);
    });
  });
}

for (let failures = 0; ; failures++) {
  const began = performance.now();
  const retryAfter = await session();
  if (performance.now() - began > 60_000) failures = 0;
  // Full jitter, so that agents whose central has restarted do not all come back at once.
  await delay(retryAfter * 1000 + Math.random() * Math.min(60_000, 1000 * 2 ** failures));
}
