export * from './closest-name';
export * from './error-catalogue';
export * from './rivulet-error';
