// Lists of a page that runs for days: the newest last, and no more than so many.

export function withNewest<Item>(list: readonly Item[], item: Item, most: number): readonly Item[] {
  return list.length < most ? [...list, item] : [...list.slice(list.length - most + 1), item]
}
