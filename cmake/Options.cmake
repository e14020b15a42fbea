# SPDX-License-Identifier: GPL-2.0-or-later
# What every target of ours is built with: target_link_libraries(... PRIVATE proxytunnel_options).
add_library(proxytunnel_options INTERFACE)
target_compile_options(proxytunnel_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wformat=2 -Wundef
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi>
  $<$<BOOL:${PROXYTUNNEL_WERROR}>:-Werror>)
if(PROXYTUNNEL_SANITIZE)
  target_compile_options(proxytunnel_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(proxytunnel_options INTERFACE -fsanitize=address,undefined)
endif()
if(PROXYTUNNEL_FUZZ)
  target_compile_options(proxytunnel_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
