import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Access, ApiProblems, requestInvalid } from '@rivulet/platform';
import { RivuletError } from '@rivulet/errors';
import { CurrentRules } from '../rules/current-rules';
import { isTopic } from '../rules/topic-name';
import { Presence } from './presence';
import { MAX_USERS_OF_TOPIC } from './presence-book';

class PresentUserDto {
  @ApiProperty({ description: 'The user.', example: 'user123' })
  user_id: string;

  @ApiProperty({ description: 'Its connections that have subscribed to the topic.', example: 2 })
  connections: number;

  @ApiProperty({ description: 'Since when, in seconds since 1970.', example: 1640995200 })
  since: number;
}

class PresenceDto {
  @ApiProperty({ description: 'The topic.', example: 'rooms.42' })
  topic: string;

  @ApiProperty({ description: 'Users who have subscribed to it, on all processes of central.', example: 1 })
  count: number;

  @ApiProperty({
    description: `False when there may be more: at most ${MAX_USERS_OF_TOPIC} users of a topic are kept.`,
    example: true,
  })
  complete: boolean;

  @ApiProperty({ description: 'Those who have been there longest first.', type: [PresentUserDto] })
  users: PresentUserDto[];
}

/** Who has subscribed, for the servers of the data owner's application. */
@ApiTags('realtime')
@ApiProblems('REQUEST_INVALID', 'SHUTTING_DOWN', 'DATABASE_UNAVAILABLE')
@Controller('sync')
export class PresenceController {
  constructor(
    private readonly presence: Presence,
    private readonly rules: CurrentRules,
  ) {}

  @Access('viewer')
  @Get('presence')
  @ApiOperation({ summary: 'See who has subscribed to a topic whose rule has presence' })
  @ApiQuery({ name: 'topic', description: 'A topic, no pattern.', example: 'rooms.42' })
  @ApiOkResponse({ type: PresenceDto })
  @ApiProblems('TOPIC_FORBIDDEN')
  users(@Query('topic') topic: unknown): PresenceDto {
    if (typeof topic !== 'string' || !isTopic(topic))
      throw requestInvalid([
        { field: 'topic', reason: 'must have words of letters, digits, - and _ with dots between them' },
      ]);
    if (!this.rules.rules.hasPresence(topic))
      throw new RivuletError('TOPIC_FORBIDDEN', `The rule of ${topic} has no presence.`);
    const users = this.presence.usersOf(topic).map(({ userId, connections, sinceMs }) => ({
      user_id: userId,
      connections,
      since: Math.floor(sinceMs / 1_000),
    }));
    return { topic, count: users.length, complete: users.length < MAX_USERS_OF_TOPIC, users };
  }
}
