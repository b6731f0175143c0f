import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Omittable } from '@rivulet/platform';
import { Type } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsString,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { messageLimits } from '../rules/message-limits';
import { topicLimits, USER_ID_MAX_BYTES } from '../rules/topic-name';

const dataOptions = {
  description: 'Any JSON. A list has at most 1,000 items.',
  type: 'object',
  additionalProperties: true,
  example: { message: 'Hello World' },
} as const;

export class MessageDto {
  @ApiPropertyOptional({ description: 'A topic of the realtime file.', example: 'updates' })
  @Omittable()
  @IsString()
  @MaxLength(topicLimits.maxLength)
  topic?: string;

  @ApiPropertyOptional({
    description: 'Instead of a topic: the user that gets it, on all connections.',
    example: 'user123',
    maxLength: USER_ID_MAX_BYTES,
  })
  @Omittable()
  @IsString()
  @MaxLength(USER_ID_MAX_BYTES)
  user_id?: string;

  @ApiPropertyOptional(dataOptions)
  @Allow()
  data?: unknown;
}

export class PublishDto extends MessageDto {
  @ApiPropertyOptional({ description: 'Instead of one message: several, in this order.', type: [MessageDto] })
  @Omittable()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(messageLimits.maxBatch)
  @ValidateNested({ each: true })
  @Type(() => MessageDto)
  messages?: MessageDto[];
}

export class BroadcastDto {
  @ApiProperty(dataOptions)
  @Allow()
  data: unknown;
}

export class PublishedMessageDto {
  @ApiProperty({ description: 'ULID.', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  id: string;

  @ApiPropertyOptional({ description: 'Its topic.', example: 'updates' })
  topic?: string | undefined;

  @ApiPropertyOptional({ description: 'The user whom it is for.', example: 'user123' })
  user_id?: string | undefined;

  @ApiProperty({ description: 'Its place in the topic.', example: 42 })
  position: number;

  @ApiProperty({ description: 'It had been published before with the same key.', example: false })
  duplicate: boolean;
}

export class PublishedDto {
  @ApiProperty({ description: 'Every message is stored.', enum: ['published'] })
  status: 'published';

  @ApiProperty({ description: 'The epoch of the positions.', example: '5f0c4c1d2a3b-1' })
  epoch: string;

  @ApiProperty({ description: 'In the order of the request.', type: [PublishedMessageDto] })
  messages: PublishedMessageDto[];
}

export class RealtimeStatusDto {
  @ApiProperty({ description: 'This process takes connections.', enum: ['running'] })
  status: 'running';

  @ApiProperty({ description: 'Users who are connected to this process.', example: 5 })
  clients: number;

  @ApiProperty({ description: 'Their connections.', example: 5 })
  connections: number;

  @ApiProperty({ description: 'Seconds since 1970.', example: 1640995200 })
  timestamp: number;

  @ApiProperty({
    description:
      'Subscribers on this process by topic, of the 1,000 topics with the most; without those of single users.',
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { 'user.notifications': 3 },
  })
  topics: Record<string, number>;

  @ApiProperty({
    description: 'Topics with subscribers on this process, those of single users too.',
    example: 9,
  })
  topic_count: number;
}
