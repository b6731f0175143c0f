import { Injectable } from '@nestjs/common';
import { DeviceTables } from '../device-tables';

/** A public key of a device. */
export interface KeyOfDevice {
  /** RFC 7638. */
  thumbprint: string;
  status: 'active' | 'next' | 'retired';
  createdAt: Date;
  retiredAt: Date | null;
}

@Injectable()
export class DeviceKeys {
  constructor(private readonly tables: DeviceTables) {}

  /** The latest first. */
  async of(deviceId: string): Promise<KeyOfDevice[]> {
    return this.tables.rows<KeyOfDevice>(
      `SELECT thumbprint, status, created_at AS "createdAt", retired_at AS "retiredAt"
       FROM rivulet.device_keys WHERE device_id = $1 ORDER BY created_at DESC, thumbprint LIMIT 100`,
      [deviceId],
    );
  }
}
