import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import { Access, ApiProblems, SMALL_ANSWER_BYTES } from '@rivulet/platform';
import {
  FRAMES_CONTENT_TYPE,
  parsePatience,
  patienceApplied,
  PREFER_HEADER,
  workingResponse,
  ZLIB_FRAMES_CONTENT_TYPE,
  type SyncResponse,
  type WorkingResponse,
} from '@rivulet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Device } from '../devices/device';
import { CurrentDevice } from '../devices/authentication/device-authenticator';
import { AcknowledgementDto, AcknowledgementReceiptDto } from './acknowledgement.dto';
import { AcknowledgementService, type AcknowledgementReceipt } from './acknowledgement.service';
import { AnswerRequestService } from './answer-request.service';
import { AnswersInTheMaking } from './answers-in-the-making';
import { acceptedCompression } from './block-compression';
import { SyncRequestDto, SyncResponseDto, WorkingResponseDto } from './device-sync.dto';
import { ManifestIdPipe } from './manifest-id.pipe';
import { PayloadService } from './payload.service';

/** The three routes that a device calls, in this order. */
@ApiTags('device sync')
@ApiProblems('DATABASE_UNAVAILABLE', 'DATABASE_TABLES_MISSING', 'DATABASE_INTERRUPTED', 'DATABASE_FULL')
@ApiProblems('SHUTTING_DOWN')
@Access('device')
@Controller('device-sync')
export class DeviceSyncController {
  constructor(
    private readonly requests: AnswerRequestService,
    private readonly inTheMaking: AnswersInTheMaking,
    private readonly payloads: PayloadService,
    private readonly acknowledgements: AcknowledgementService,
  ) {}

  @Post('request')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say what the device has, and learn what it should have' })
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description:
      '`respond-async, wait=10`: answer with 202 after so many seconds, 20 at most, if more are needed.',
  })
  @ApiOkResponse({ type: SyncResponseDto })
  @ApiAcceptedResponse({
    description: 'With `Prefer: respond-async`: the answer is being made. Send the same request again.',
    type: WorkingResponseDto,
  })
  @ApiProblems('REQUEST_INVALID', 'REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'PROTOCOL_UNSUPPORTED')
  @ApiProblems('DEVICE_UNKNOWN', 'DEVICE_INACTIVE', 'SOURCE_UNAVAILABLE', 'CENTRAL_BEHIND')
  @ApiProblems('SERVER_BUSY', 'SCOPE_AMBIGUOUS', 'DATASETS_FILE_INVALID', 'DATASET_QUERY_FAILED')
  @ApiProblems('DATASET_KEY_NULL', 'DATASET_KEY_NOT_UNIQUE', 'ROW_TOO_LARGE')
  async request(
    @Req() request: FastifyRequest,
    @CurrentDevice() device: Device,
    @Body() body: SyncRequestDto,
    @Headers(PREFER_HEADER) prefer: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SyncResponse | WorkingResponse> {
    const patienceSeconds = parsePatience(prefer);
    if (patienceSeconds === undefined) return this.requests.answer(request.id, device, body, goneOf(reply));
    // Who asks like this comes again, on another connection if need be.
    const answer = (): Promise<SyncResponse> => this.requests.answer(request.id, device, body);
    const response = await this.inTheMaking.within(patienceSeconds * 1_000, device, body, answer);
    if (response !== undefined) return response;
    reply.code(202).headers(patienceApplied);
    return workingResponse;
  }

  @Get('manifests/:manifestId/payload')
  @Header('Cache-Control', 'private, no-transform')
  @Header('Vary', 'Accept')
  @ApiOperation({
    summary: "Fetch the frames of a manifest's plan, all or some",
    description:
      'Blocks are compressed with zstd. A client without it sends `Accept: ' +
      ZLIB_FRAMES_CONTENT_TYPE +
      '`.',
  })
  @ApiParam({ name: 'manifestId', description: 'ULID', example: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' })
  @ApiQuery({
    name: 'frames',
    required: false,
    description: 'Ranges of frame numbers, ascending, both ends included. Without it, all frames are sent.',
    example: '0-99,120-140',
  })
  @ApiOkResponse({
    description: 'Frames as docs/protocol.md defines them, then an end frame.',
    content: {
      [FRAMES_CONTENT_TYPE]: { schema: { type: 'string', format: 'binary' } },
      [ZLIB_FRAMES_CONTENT_TYPE]: { schema: { type: 'string', format: 'binary' } },
    },
  })
  @ApiProblems('REQUEST_INVALID', 'FRAMES_INVALID', 'MANIFEST_UNKNOWN', 'MANIFEST_EXPIRED', 'SERVER_BUSY')
  async payload(
    @CurrentDevice() device: Device,
    @Param('manifestId', ManifestIdPipe) manifestId: string,
    @Query('frames') frames: string | undefined,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | Buffer> {
    const compression = acceptedCompression(accept);
    const type = compression === 'zlib' ? ZLIB_FRAMES_CONTENT_TYPE : FRAMES_CONTENT_TYPE;
    const payload = await this.payloads.open(manifestId, device, frames, compression);
    if (!Array.isArray(payload))
      return new StreamableFile(Readable.from(payload, { objectMode: false }), { type });
    const length = payload.reduce((sum, piece) => sum + piece.length, 0);
    // The number of streams is limited. Its pieces stay as they are: answers share blocks.
    if (length > SMALL_ANSWER_BYTES)
      return new StreamableFile(Readable.from(payload, { objectMode: false }), { type, length });
    reply.type(type);
    return Buffer.concat(payload, length);
  }

  @Post('acknowledgements')
  @HttpCode(200)
  @ApiOperation({ summary: 'Report what became of a manifest; may be repeated' })
  @ApiOkResponse({ type: AcknowledgementReceiptDto })
  @ApiProblems('REQUEST_INVALID', 'REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'MANIFEST_UNKNOWN')
  @ApiProblems('REPORT_UNSIGNED', 'REPORT_SIGNATURE_INVALID', 'SIGNATURE_ALGORITHM_REFUSED')
  async acknowledge(
    @CurrentDevice() device: Device,
    @Body() { statement, ...report }: AcknowledgementDto,
  ): Promise<AcknowledgementReceipt> {
    return this.acknowledgements.record(device, report, statement);
  }
}

/** Without a reason each signal would make an error with a stack, for every request. */
const GONE = Symbol('gone');

/** Aborts when the connection is closed, before the answer or behind it. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(GONE));
  return gone.signal;
}
