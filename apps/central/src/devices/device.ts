/** A device that has been authenticated. */
export interface Device {
  /** Its identity at central: the `device_id` of its scope, as text. */
  deviceId: string;
  macAddress: string;
}
