// Which part of trading is shown on a phone's width, where there is room for one.

class Layout {
  panel = $state("book");
}

export const layout = new Layout();
