import { WebSocket } from 'ws';

/** Clients of topics in a process of their own: opens them, and tells when a message has reached each. */
interface Order {
  url: string;
  /** Of one client each. */
  tokens: string[];
  /** How many of them subscribe to the topic that is measured. */
  subscribers: number;
  topic: string;
}

const OPENED_AT_ONCE = 100;

async function open({ url, tokens, subscribers, topic }: Order): Promise<void> {
  for (let first = 0; first < tokens.length; first += OPENED_AT_ONCE) {
    const some = tokens.slice(first, first + OPENED_AT_ONCE);
    await Promise.all(
      some.map((token, index) => openOne(url, token, first + index < subscribers ? topic : 'bench.idle')),
    );
  }
  process.send!({ type: 'open' });
}

function openOne(url: string, token: string, topic: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}?token=${token}`, { perMessageDeflate: false });
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', topic })));
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (text.startsWith('{"type":"data"')) received(text);
      else if (text.includes('"type":"subscribe"') && text.includes('bench.')) resolve();
    });
  });
}

const latencies: number[] = [];

/** Both processes are on one machine, so they have one clock. */
function received(text: string): void {
  const { data } = JSON.parse(text) as { data: { sentAtMs: number } };
  latencies.push(Date.now() - data.sentAtMs);
}

process.on('message', (message: { type: 'open'; order: Order } | { type: 'take' }) => {
  if (message.type === 'open') {
    open(message.order).catch((error: Error) => process.send!({ type: 'failed', reason: error.message }));
  } else {
    process.send!({ type: 'latencies', latencies: latencies.splice(0) });
  }
});
