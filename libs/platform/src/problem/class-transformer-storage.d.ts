/** Which class a property is made into. class-transformer has no public way to ask; Nest's own packages do it so, too. */
declare module 'class-transformer/cjs/storage' {
  export const defaultMetadataStorage: {
    findTypeMetadata(target: object, propertyName: string): { typeFunction(): new () => object } | undefined;
  };
}
