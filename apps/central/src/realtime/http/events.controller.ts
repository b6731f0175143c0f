import { Controller, Get, Headers, Ip, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiProduces, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, requestInvalid } from '@rivulet/platform';
import type { FastifyReply } from 'fastify';
import { bearerOf, checkOrigin } from '../socket/handshake';
import { EventStreams } from './event-streams';

const LAST_EVENT_ID = /^([\w-]{1,64}):(\d{1,15})$/;

/** For clients that cannot use WebSocket. Authenticated by the same tokens. */
@ApiTags('realtime')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Controller('sync')
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  @Access('public')
  @Get('events')
  @ApiOperation({
    summary: 'Follow one topic as server-sent events, from Last-Event-ID on',
    description: "With the token of a user of the data owner's application, or of a device.",
  })
  @ApiProduces('text/event-stream')
  @ApiQuery({ name: 'topic', description: 'A topic, `_user` or `_all`.', example: 'user.notifications' })
  @ApiQuery({
    name: 'token',
    description: 'For browsers, whose EventSource sends no header.',
    required: false,
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'As EventSource sends it.' })
  @ApiBearerAuth()
  @ApiProblems(
    'REALTIME_TOKEN_INVALID',
    'REALTIME_ORIGIN_REFUSED',
    'REALTIME_LIMIT_EXCEEDED',
    'TOPIC_FORBIDDEN',
  )
  @ApiProblems('SERVER_BUSY', 'BUS_UNAVAILABLE')
  async events(
    @Res() reply: FastifyReply,
    @Ip() address: string,
    @Headers() headers: Record<string, string | undefined>,
    @Query('topic') topic?: string,
    @Query('token') token?: string,
  ): Promise<void> {
    checkOrigin({ headers }, this.streams.origins);
    if (topic === undefined || topic === '') throw requestInvalid([{ field: 'topic', reason: 'is missing' }]);
    const stream = await this.streams.open({
      topic,
      token: bearerOf(headers['authorization']) ?? token,
      address,
      since: sinceOf(headers['last-event-id']),
    });
    const { origin } = headers;
    if (origin !== undefined)
      void reply.header('access-control-allow-origin', origin).header('vary', 'origin');
    void reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      // A proxy that gathers events delays them.
      .header('x-accel-buffering', 'no')
      .send(stream);
  }
}

function sinceOf(lastEventId: string | undefined): { epoch: string; position: number } | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const [, epoch, position] = LAST_EVENT_ID.exec(lastEventId) ?? [];
  if (epoch === undefined)
    throw requestInvalid([{ field: 'Last-Event-ID', reason: 'is none of this server' }]);
  return { epoch, position: Number(position) };
}
