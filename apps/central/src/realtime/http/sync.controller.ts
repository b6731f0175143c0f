import { Body, Controller, Get, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, requestInvalid } from '@rivulet/platform';
import { RealtimeHub } from '../delivery/realtime-hub';
import type { Appended } from '../history/history';
import { encodeJson } from '../protocol/encode-json';
import { messageLimits } from '../rules/message-limits';
import { Publisher, type ToPublish } from '../publish/publisher';
import { BROADCAST_TOPIC, isOwnTopic, isTopic, isUserId, topicOfUser } from '../rules/topic-name';
import { ConnectionCounts } from '../socket/connection-counts';
import { BroadcastDto, MessageDto, PublishDto, PublishedDto, RealtimeStatusDto } from './publish.dto';

const MAX_KEY_CHARACTERS = 255;
const MAX_TOPICS_SHOWN = 1_000;

const keyHeader = {
  name: 'Idempotency-Key',
  required: false,
  description: 'The same request sent again with the same key within a day is published once.',
} as const;

/** For the servers of the data owner's application. */
@ApiTags('realtime')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Controller('sync')
export class SyncController {
  constructor(
    private readonly publisher: Publisher,
    private readonly hub: RealtimeHub,
    private readonly counts: ConnectionCounts,
  ) {}

  @Access('operator')
  @Post('publish')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish a message to a topic or a user, or several' })
  @ApiHeader(keyHeader)
  @ApiOkResponse({ type: PublishedDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'TOPIC_FORBIDDEN', 'IDEMPOTENCY_KEY_REUSED')
  @ApiProblems('SERVER_BUSY', 'BUS_UNAVAILABLE', 'REALTIME_HISTORY_UNUSABLE', 'REALTIME_MESSAGE_INVALID')
  async publish(@Body() body: PublishDto, @Headers('idempotency-key') key?: string): Promise<PublishedDto> {
    const { messages: several, ...one } = body;
    if (several !== undefined && Object.values(one).some((value) => value !== undefined))
      throw invalid('messages', 'must not stand beside topic, user_id or data');
    const messages = several ?? [one];
    const appended = await this.publisher.publishAll(
      messages.map((message, index) => ({
        ...readMessage(message, several === undefined ? '' : `messages[${index}].`),
        key: keyOf(key, index),
      })),
      'server',
    );
    return published(appended, messages);
  }

  @Access('operator')
  @Post('broadcast')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send a message to everybody who is connected, and to those who come back' })
  @ApiHeader(keyHeader)
  @ApiOkResponse({ type: PublishedDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'IDEMPOTENCY_KEY_REUSED')
  @ApiProblems('SERVER_BUSY', 'BUS_UNAVAILABLE', 'REALTIME_HISTORY_UNUSABLE', 'REALTIME_MESSAGE_INVALID')
  async broadcast(
    @Body() { data }: BroadcastDto,
    @Headers('idempotency-key') key?: string,
  ): Promise<PublishedDto> {
    const message = { topic: BROADCAST_TOPIC, data: readData(data, ''), key: keyOf(key, 0) };
    return published(await this.publisher.publishAll([message], 'server'), [{ topic: BROADCAST_TOPIC }]);
  }

  @Access('viewer')
  @Get('status')
  @ApiOperation({ summary: 'See how many clients are connected to this process, and to which topics' })
  @ApiOkResponse({ type: RealtimeStatusDto })
  status(): RealtimeStatusDto {
    const counts = [...this.hub.counts()].filter(([, count]) => count > 0);
    const shown = counts
      .filter(([topic]) => topic === BROADCAST_TOPIC || !isOwnTopic(topic))
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, MAX_TOPICS_SHOWN);
    return {
      status: 'running',
      clients: this.counts.userCount,
      connections: this.counts.connections,
      timestamp: Math.floor(Date.now() / 1_000),
      topics: Object.fromEntries(shown),
      topic_count: counts.length,
    };
  }
}

function readMessage({ topic, user_id: userId, data }: MessageDto, path: string): ToPublish {
  if ((topic === undefined) === (userId === undefined))
    throw invalid(`${path}topic`, 'or user_id must be there, and not both');
  if (topic !== undefined && !isTopic(topic))
    throw invalid(`${path}topic`, 'must have words of letters, digits, - and _ with dots between them');
  if (userId !== undefined && !isUserId(userId)) throw invalid(`${path}user_id`, 'is no user ID');
  return { topic: topic ?? topicOfUser(userId!), data: readData(data, path) };
}

function readData(data: unknown, path: string): string {
  if (data === undefined) throw invalid(`${path}data`, 'is missing');
  const text = encodeJson(data);
  if (text === undefined)
    throw invalid(`${path}data`, `must not be nested deeper than ${messageLimits.maxDepth}`);
  return text;
}

/** Each message of a batch has a key of its own. */
function keyOf(key: string | undefined, index: number): string | undefined {
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > MAX_KEY_CHARACTERS)
    throw invalid('Idempotency-Key', `must have 1 to ${MAX_KEY_CHARACTERS} characters`);
  return `server:${key}:${index}`;
}

function published(appended: readonly Appended[], messages: readonly MessageDto[]): PublishedDto {
  return {
    status: 'published',
    epoch: appended[0]!.epoch,
    messages: appended.map(({ message: { id, position }, isDuplicate }, index) => {
      const { topic, user_id } = messages[index]!;
      return { id, topic, user_id, position, duplicate: isDuplicate };
    }),
  };
}

function invalid(field: string, reason: string): Error {
  return requestInvalid([{ field, reason }]);
}
