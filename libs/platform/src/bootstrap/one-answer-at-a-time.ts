import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection while an earlier one is answered. Hardly any client sends ahead at all. */
const MAX_WAITING = 16;

/** On the socket itself: an entry of a WeakMap would outlive many collections, and the socket with it. */
const TURNS = Symbol('turns');

interface Turn {
  request: IncomingMessage;
  response: ServerResponse;
}

interface TakingTurns extends Socket {
  /** Requests that wait, while one is answered; undefined when none is. */
  [TURNS]?: Turn[] | undefined;
}

/**
 * Has one answer in the making per connection. Node starts every request that it finds in what a client sent ahead,
 * and keeps all answers until they can be written: 58,200 pipelined requests took 2.4 GiB. Here they wait their turn,
 * and a client that sends more than a few of them ahead loses its connection.
 *
 * @param refused - is told of such a client
 */
export function oneAnswerAtATime(
  listener: RequestListener,
  refused: (request: IncomingMessage) => void,
): RequestListener {
  const take = ({ request, response }: Turn): void => {
    response.once('close', next);
    listener(request, response);
  };
  function next(this: ServerResponse): void {
    const socket = this.req.socket as TakingTurns;
    const turn = socket.destroyed ? undefined : socket[TURNS]?.shift();
    if (turn) take(turn);
    else socket[TURNS] = undefined;
  }
  return (request, response) => {
    const socket = request.socket as TakingTurns;
    // The parser goes on to the end of what it was given.
    if (socket.destroyed) return;
    const waiting = socket[TURNS];
    if (waiting === undefined) {
      socket[TURNS] = [];
      take({ request, response });
    } else if (waiting.length < MAX_WAITING) {
      waiting.push({ request, response });
    } else {
      refused(request);
      socket.destroy();
    }
  };
}

/** Whether a request that came on this connection has not been answered. */
export function isAnswering(socket: Socket): boolean {
  return (socket as TakingTurns)[TURNS] !== undefined;
}
