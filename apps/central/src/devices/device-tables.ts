export { OwnTables as DeviceTables, TableTransaction } from '@rivulet/platform';
