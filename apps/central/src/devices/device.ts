/** A device that has been authenticated. Which rows it may have is not known of it. */
export interface Device {
  /** In its normal form. */
  macAddress: string;
}
