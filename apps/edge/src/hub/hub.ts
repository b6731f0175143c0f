import type {
  Acknowledgement,
  Frame,
  FrameRange,
  SyncRequest,
  UnverifiedSyncResponse,
} from '@rivulet/protocol';

/** Injection token of the {@link Hub}. */
export const HUB = Symbol('HUB');

/** Central, as a sync cycle sees it. */
export interface Hub {
  /** @throws RivuletError with central's own code, or CENTRAL_UNREACHABLE, CENTRAL_RESPONSE_INVALID */
  request(request: SyncRequest, call: HubCall): Promise<UnverifiedSyncResponse>;

  /**
   * The frames of a manifest in the given ranges, as they arrive, a few at a time. It ends normally only after the
   * end frame. A connection that breaks or stalls is an error; frames yielded before it are valid.
   *
   * @throws as request() does; FRAME_INVALID · LIMIT_EXCEEDED when the stream is malformed
   */
  frames(manifestId: string, ranges: FrameRange[], call: HubCall): AsyncIterable<Frame[]>;

  acknowledge(acknowledgement: Acknowledgement, call: HubCall): Promise<void>;
}

export interface HubCall {
  /** Sent as X-Request-Id, so that one id runs through the logs of both apps. */
  cycleId: string;
  signal: AbortSignal;
}
