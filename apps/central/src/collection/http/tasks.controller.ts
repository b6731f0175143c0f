import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { RivuletError } from '@rivulet/errors';
import { Access, ApiProblems, TakesBinary } from '@rivulet/platform';
import { FRAMES_CONTENT_TYPE } from '@rivulet/protocol';
import type { Device } from '../../devices/device';
import { CurrentDevice } from '../../devices/authentication/device-authenticator';
import { ArrivalService } from '../arrival/arrival.service';
import { Quotas } from '../arrival/quotas';
import { CollectionEnv } from '../collection.env';
import { KeptRuns } from '../kept/kept-runs';
import { KeptSchedule } from '../kept/kept-schedule';
import { TaskQueue } from '../runs/task-queue';
import { exampleUlid } from './field-rules';
import { KeptCollectionDto, KeptRunDto } from './kept.dto';
import {
  CollectionDemandDto,
  CollectionOfferDto,
  CollectionReceiptDto,
  CollectionTasksDto,
  StoredChunksDto,
  TaskFailureDto,
  TaskProgressDto,
  TasksQueryDto,
} from './tasks.dto';

const runParam = { name: 'runId', description: 'ULID', example: exampleUlid };
/** After a task there may be another one. */
const POLL_AGAIN_SECONDS = 1;

/** The routes of a network: ask for a task, offer its rows, send what central lacks, have them committed. */
@ApiTags('collection')
@ApiBearerAuth()
@ApiProblems('DEVICE_UNIDENTIFIED', 'MAC_ADDRESS_INVALID', 'ACCESS_TOKEN_INVALID', 'ACCESS_TOKEN_EXPIRED')
@ApiProblems('DEVICE_KEY_RETIRED', 'DEVICE_PENDING', 'DEVICE_REVOKED', 'DEVICE_QUARANTINED', 'SHUTTING_DOWN')
@ApiProblems('DATABASE_UNAVAILABLE', 'REQUEST_INVALID', 'DEVICE_NOT_REGISTERED')
@Access('device')
@Controller('collection')
export class TasksController {
  constructor(
    private readonly queue: TaskQueue,
    private readonly arrival: ArrivalService,
    private readonly quotas: Quotas,
    private readonly schedule: KeptSchedule,
    private readonly kept: KeptRuns,
    private readonly env: CollectionEnv,
  ) {}

  @Post('tasks')
  @HttpCode(200)
  @ApiOperation({ summary: 'Ask for a task, and for the schedule to keep while central is away' })
  @ApiBody({ type: TasksQueryDto, required: false })
  @ApiOkResponse({ type: CollectionTasksDto })
  @ApiProblems('COLLECTION_QUOTA_EXCEEDED', 'MEDIA_TYPE_UNSUPPORTED')
  async tasks(
    @CurrentDevice() { deviceId }: Device,
    @Body() { schedule: known }: TasksQueryDto,
  ): Promise<CollectionTasksDto> {
    const pollAfterSeconds = Math.ceil(this.env.pollMs / 1_000);
    const now = new Date().toISOString();
    // A device of a trial that central has not entered yet cannot have a task.
    if (deviceId === undefined) return { tasks: [], pollAfterSeconds, now };
    const taken = await this.queue.take(deviceId, () => this.quotas.check(deviceId));
    const schedule = known === undefined ? undefined : await this.schedule.ifChanged(deviceId, known);
    const said = { now, ...(schedule !== undefined && { schedule }) };
    return taken === undefined
      ? { tasks: [], pollAfterSeconds, ...said }
      : { tasks: [taken.task], pollAfterSeconds: POLL_AGAIN_SECONDS, ...said };
  }

  @Post('kept')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Ask which run rows are for that were read by the schedule while central was away; may be repeated',
  })
  @ApiOkResponse({ type: KeptRunDto })
  @ApiProblems('MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_KEPT_UNWANTED', 'COLLECTION_QUOTA_EXCEEDED')
  @ApiProblems('COLLECTION_BUSY')
  async claim(@CurrentDevice() device: Device, @Body() body: KeptCollectionDto): Promise<KeptRunDto> {
    return { runId: await this.kept.claim(idOf(device), body) };
  }

  @Post('runs/:runId/offer')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Say which rows there are, and learn which chunks central lacks; may be repeated',
  })
  @ApiParam(runParam)
  @ApiOkResponse({ type: CollectionDemandDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_RUN_UNKNOWN', 'COLLECTION_RUN_OVER')
  @ApiProblems('COLLECTION_OFFER_INVALID', 'COLLECTION_TARGET_UNFIT', 'COLLECTION_QUOTA_EXCEEDED')
  @ApiProblems('COLLECTION_BASE_CHANGED', 'COLLECTION_TARGET_CHANGED')
  async offer(
    @CurrentDevice() device: Device,
    @Param('runId') runId: string,
    @Body() body: CollectionOfferDto,
  ): Promise<CollectionDemandDto> {
    return this.arrival.offer(runId, idOf(device), body);
  }

  @Post('runs/:runId/chunks')
  @HttpCode(200)
  @TakesBinary(FRAMES_CONTENT_TYPE)
  @ApiOperation({
    summary:
      'Send chunks of the offer as frames, or as edits of committed ones, in any order; may be repeated',
  })
  @ApiParam(runParam)
  @ApiConsumes(FRAMES_CONTENT_TYPE)
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiOkResponse({ type: StoredChunksDto })
  @ApiProblems('REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_RUN_UNKNOWN', 'COLLECTION_RUN_OVER')
  @ApiProblems('COLLECTION_OFFER_INVALID', 'COLLECTION_QUOTA_EXCEEDED', 'COLLECTION_BUSY', 'SERVER_BUSY')
  @ApiProblems('COLLECTION_CHUNKS_MISSING')
  async chunks(
    @CurrentDevice() device: Device,
    @Param('runId') runId: string,
    @Body() body: Buffer,
  ): Promise<StoredChunksDto> {
    return this.arrival.take(runId, idOf(device), body);
  }

  @Post('runs/:runId/commit')
  @HttpCode(200)
  @ApiOperation({ summary: 'Have the offered rows written, proved and committed; may be repeated' })
  @ApiParam(runParam)
  @ApiOkResponse({ type: CollectionReceiptDto })
  @ApiProblems(
    'COLLECTION_RUN_UNKNOWN',
    'COLLECTION_RUN_OVER',
    'COLLECTION_CHUNKS_MISSING',
    'COLLECTION_BUSY',
  )
  @ApiProblems('COLLECTION_OFFER_INVALID', 'COLLECTION_TARGET_UNFIT', 'COLLECTION_UNPROVED')
  @ApiProblems('COLLECTION_TARGET_CHANGED')
  async commit(
    @CurrentDevice() device: Device,
    @Param('runId') runId: string,
  ): Promise<CollectionReceiptDto> {
    return this.arrival.commit(runId, idOf(device));
  }

  @Post('runs/:runId/progress')
  @HttpCode(204)
  @ApiOperation({ summary: 'Say that the query is still running, which renews the lease' })
  @ApiParam(runParam)
  @ApiNoContentResponse({ description: 'The lease was renewed.' })
  @ApiProblems('MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_RUN_UNKNOWN', 'COLLECTION_RUN_OVER')
  async progress(
    @CurrentDevice() device: Device,
    @Param('runId') runId: string,
    @Body() { rows, bytes }: TaskProgressDto,
  ): Promise<void> {
    await this.queue.findActive(runId, idOf(device));
    await this.queue.noteProgress(runId, idOf(device), rows, bytes);
  }

  @Post('runs/:runId/failure')
  @HttpCode(204)
  @ApiOperation({ summary: 'Say that the task cannot be done' })
  @ApiParam(runParam)
  @ApiNoContentResponse({ description: 'The network has failed in this run.' })
  @ApiProblems('MEDIA_TYPE_UNSUPPORTED', 'COLLECTION_RUN_UNKNOWN', 'COLLECTION_RUN_OVER')
  async failure(
    @CurrentDevice() device: Device,
    @Param('runId') runId: string,
    @Body() { code, message }: TaskFailureDto,
  ): Promise<void> {
    await this.arrival.fail(runId, idOf(device), code, message);
  }
}

/** @throws RivuletError DEVICE_NOT_REGISTERED */
function idOf({ deviceId, macAddress }: Device): string {
  if (deviceId !== undefined) return deviceId;
  throw new RivuletError('DEVICE_NOT_REGISTERED', `The device ${macAddress} is not in the registry yet.`);
}
