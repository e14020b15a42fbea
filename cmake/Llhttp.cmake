# SPDX-License-Identifier: GPL-2.0-or-later
# Target `llhttp`: the HTTP/1.x parser that finds the end of message bodies. A system library where there is one
# (libllhttp-dev), else the system's sources (Debian 12: package node-llhttp), compiled without our warnings.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LLHTTP QUIET IMPORTED_TARGET libllhttp)
if(LLHTTP_FOUND)
  add_library(llhttp INTERFACE)
  target_link_libraries(llhttp INTERFACE PkgConfig::LLHTTP)
else()
  find_path(LLHTTP_HEADERS llhttp.h PATHS /usr/share/include PATH_SUFFIXES llhttp REQUIRED
            DOC "Folder of llhttp.h (Debian: node-llhttp or libllhttp-dev)")
  find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share PATH_SUFFIXES llhttp REQUIRED
            DOC "Folder of api.c, http.c and llhttp.c (Debian: node-llhttp)")
  add_library(llhttp STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_HEADERS})
endif()
